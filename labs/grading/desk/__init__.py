"""What a teacher gets: feedback, tables, reports, similar submissions, the leaderboard, late penalties."""
