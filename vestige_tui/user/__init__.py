"""What belongs to one user: settings, recent answers, passwords, kept reports, logs, masking."""
