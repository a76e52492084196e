"""Masking: which voxels hold brain, and which hold signal at all."""
