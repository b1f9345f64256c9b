//! What is on disk: project files, targets, property files, packages and the file inventory.
