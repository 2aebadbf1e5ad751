// `porpoise TOOL`: the programs of the private folder by name.

#pragma once

#include <string>
#include <vector>

#include "libmail/result.h"

namespace porpoise::front {

/// The names of the programs beside this one, but this one, sorted.
std::vector<std::string> tool_names();

/// Becomes program `name` of the private folder, with `arguments` after its name. Permanent error
/// where there is no such program, with the names of those that are there.
Result<int> become_tool(const std::string& name, const std::vector<std::string>& arguments);

/// Becomes the program at `path`: `arguments` with argv[0]. Returns only an error.
Result<int> become_program(const std::string& path, const std::vector<std::string>& arguments);

}  // namespace porpoise::front
