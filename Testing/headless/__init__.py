"""The MRML libraries of Slicer without the application: scene, logics and off-screen views."""
