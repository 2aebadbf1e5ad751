"""Other people's servers, each in a private root folder (root makes it, run runs a command in it), as targets of
our conversations: where one of them differs from what a conversation expects, either the expectation is wrong
or the difference has a reason, which is listed in testlab/conv/known/NAME."""
