#include "front/tool.h"

#include <algorithm>
#include <signal.h>
#include <unistd.h>

#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"

namespace porpoise::front {
namespace {

bool is_program(int folder, const char* name) {
  struct stat st;
  return name[0] != '.' && ::fstatat(folder, name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
         (st.st_mode & 0111) != 0;
}

}  // namespace

std::vector<std::string> tool_names() {
  std::vector<std::string> names;
  const std::string path = posix::program_folder();
  Result<posix::UniqueFd> folder = posix::open_folder(posix::kHere, path);
  if (!folder) return names;
  (void)posix::for_each_name(folder->get(), path, [&](const char* name) {
    if (is_program(folder->get(), name) && std::string_view(name) != "porpoise") {
      names.emplace_back(name);
    }
    return true;
  });
  std::ranges::sort(names);
  return names;
}

Result<int> become_program(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  (void)::signal(SIGPIPE, SIG_DFL);  // what is ignored stays so across exec
  ::execv(path.c_str(), argv.data());
  return posix::system_error(errno, fmt::format("starting {}", path));
}

Result<int> become_tool(const std::string& name, const std::vector<std::string>& arguments) {
  const std::vector<std::string> names = tool_names();
  if (std::ranges::find(names, name) == names.end()) {
    return permanent("no command or tool {}; there are: init run status retry try passwd{}{}", name,
                     names.empty() ? "" : " ", fmt::join(names, " "));
  }
  std::vector<std::string> argv = {name};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return become_program(posix::program_folder() + "/" + name, argv);
}

}  // namespace porpoise::front
