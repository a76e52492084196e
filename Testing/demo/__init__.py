"""The demo: from a scan to maps, a region table, a Slicer scene, pictures and a report, through both modules.

`scans` simulates or reads the scan, `workflow` runs the modules on it in a real MRML scene, `pictures` takes what
Slicer's views show, `report` tells the result on one page.
"""
