// The folder that runs play in, set back to its beginning between them.

#pragma once

#include <string>

namespace porpoise::fault {

/// Makes `world` what `pattern` is: folders, files with all their names, links, FIFOs,
/// modes and times. An empty text
/// where that was done, else what failed.
std::string set_back(const std::string& pattern, const std::string& world);

}  // namespace porpoise::fault
