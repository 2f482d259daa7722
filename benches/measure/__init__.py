"""What mltop costs, against the least that it could cost. benches/stores.sh is the way in."""
