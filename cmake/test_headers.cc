// Nothing: the headers that the unit tests share are compiled for it (cmake/porpoise.cmake).
