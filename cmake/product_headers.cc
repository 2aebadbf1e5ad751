// Nothing: the headers that most files read are compiled for it (cmake/porpoise.cmake).
