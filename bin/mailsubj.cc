// mailsubj(1): sends standard input with a subject to some recipients.

#include <unistd.h>

#include "inject/run.h"
#include "inject/short_header.h"
#include "posix/options.h"
#include "posix/program.h"

using namespace porpoise;

namespace {

constexpr const char* kUsage = "usage: mailsubj [--instance DIR] subject recipient ...";

Result<int> run(int argc, char** argv) {
  inject::Request request;
  posix::Options options(kUsage);
  options.value("instance", request.instance);
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  const std::vector<std::string>& words = **operands;
  if (words.size() < 2) return options.wrong();
  auto header = inject::short_header(words[0], {words.begin() + 1, words.end()});
  if (!header) return tl::make_unexpected(header.error().error);
  request.before = std::move(*header);
  inject::Outcome<> done = inject::run(request);
  if (!done) return tl::make_unexpected(done.error().error);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("mailsubj", [&] { return run(argc, argv); });
}
