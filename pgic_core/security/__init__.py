"""What guards pictures beside checksums: watermarks."""
