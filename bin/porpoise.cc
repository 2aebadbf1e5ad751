// porpoise(1): the front door: makes, runs and looks after an instance.

#include "front/commands.h"
#include "posix/program.h"

int main(int argc, char** argv) {
  porpoise::posix::begin_program();
  return porpoise::posix::run_program("porpoise",
                                      [&] { return porpoise::front::porpoise(argc, argv); });
}
