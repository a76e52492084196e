"""The report of a reconstruction: one page, and the same as JSON, that tell what was done, how, and how well.

`pictures` shows each stage (`png` encodes), `tables` fills what publications are to report, `methods_text` says it in a
paragraph, `references` names the publications, `report` puts all of it together, `page` lays it out, and `files` writes
it. Nothing in it names the patient unless that is asked for, and every text from outside is escaped.
"""
