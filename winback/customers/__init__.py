"""What is known of customers: how they are reached, what they ordered, did and said."""
