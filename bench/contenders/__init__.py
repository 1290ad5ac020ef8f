"""Who is measured, one a module; each has ``run(task) -> Measured`` and runs in a process of its own."""
