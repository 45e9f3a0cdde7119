#include "common/config/ports_file.h"

#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace waybill::config {

absl::Status WritePortsFile(const std::string& path,
                            const std::vector<std::pair<std::string, int>>& ports) {
  if (path.empty()) {
    return absl::OkStatus();
  }
  const auto one = [](std::string* out, const std::pair<std::string, int>& port) {
    absl::StrAppend(out, "\"", port.first, "\":", port.second);
  };
  const std::string beside = absl::StrCat(path, ".tmp");
  std::ofstream file(beside);
  file << "{" << absl::StrJoin(ports, ",", one) << "}\n";
  file.close();
  if (!file || std::rename(beside.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat("ports-file: cannot write ", path));
  }
  return absl::OkStatus();
}

}  // namespace waybill::config
