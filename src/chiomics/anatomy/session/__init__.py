"""A session from its images to regions on the voxels of its gradient echoes."""
