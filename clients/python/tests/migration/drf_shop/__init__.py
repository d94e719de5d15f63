"""A project of Django REST framework, with settings from before and after the move."""
