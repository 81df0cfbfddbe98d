"""Augmentations of head crops, one file each: how far a crop may lie from the contract's, and its pixels."""
