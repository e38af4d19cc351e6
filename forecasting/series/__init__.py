"""What is known of a series: its request, its rows, its calendar, and the temperature to expect."""
