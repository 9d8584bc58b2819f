"""What the staff see. Reading needs ``is_staff``; moving money, and changing plans, a permission of the model."""
