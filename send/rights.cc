#include "send/rights.h"

#include "posix/process.h"
#include "posix/program.h"
#include "posix/sandbox.h"

namespace porpoise::send {
namespace {

using Access = posix::Sandbox::Access;

posix::Sandbox box_for(const Instance& instance) {
  const int at = instance.folder();
  return {.places = {{.path = ".", .access = Access::look, .at = at},  // to be opened again
                     {.path = "control", .access = Access::read, .at = at},
                     {.path = "queue", .access = Access::write, .at = at}}};
}

Result<> confine(const char* program, const posix::Sandbox& box) {
  Result<posix::Confined> done = posix::confine(box);
  if (!done) return failed(done);
  if (!done->files || !done->calls) posix::complain(program, done->text());
  return {};
}

}  // namespace

Result<> confine_send(const Instance& instance) {
  if (!instance.is_system()) return {};
  posix::Sandbox box = box_for(instance);
  box.starts_programs = true;
  box.places.push_back({.path = posix::program_folder() + "/bounce", .access = Access::run});
  return confine("send", box);
}

Result<> confine_bounce(const Instance& instance) {
  if (!instance.is_system()) return {};
  return confine("bounce", box_for(instance));
}

}  // namespace porpoise::send
