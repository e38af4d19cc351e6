"""What members of every kind share: the plain ones, trees and forest, and how much work is done."""
