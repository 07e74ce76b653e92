"""What the bus hands to auditors."""
