#ifndef WAYBILL_COMMON_CONFIG_PORTS_FILE_H_
#define WAYBILL_COMMON_CONFIG_PORTS_FILE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace waybill::config {

/// For --ports-file: tells whoever started a service with port 0 which ports it got. Writes one
/// JSON object, {"admin":41234,"metrics":41235}, with the names in the given order; they are plain
/// words. The file appears whole, by a rename, and replaces an old one; so its appearance says
/// that all listeners serve. Does nothing if `path` is empty. UNAVAILABLE, naming the path, if it
/// cannot be written.
absl::Status WritePortsFile(const std::string& path,
                            const std::vector<std::pair<std::string, int>>& ports);

}  // namespace waybill::config

#endif  // WAYBILL_COMMON_CONFIG_PORTS_FILE_H_
