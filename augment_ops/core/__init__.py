"""What ops share: draws, labels, measurements, and how steps are composed."""
