"""Callbacks for the trainers that people use."""
