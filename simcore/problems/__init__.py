"""What is estimated: one file per problem."""
