#ifndef WAYBILL_COMMON_MODEL_MACHINE_PATH_H_
#define WAYBILL_COMMON_MODEL_MACHINE_PATH_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace waybill::model {

/// Which workstations a path names: "site|domain|host", where each part is a name or "*" for any.
/// A part that is not set means any.
struct MachinePath {
  std::optional<std::string> site_code;
  std::optional<std::string> domain;
  std::optional<std::string> host_name;

  friend bool operator==(const MachinePath&, const MachinePath&) = default;
};

/// INVALID_ARGUMENT, naming `field`, unless `text` has exactly three parts, each "*" or a good site
/// code, domain or host name. A "*" inside a name is not a wildcard and is refused.
absl::StatusOr<MachinePath> ParseMachinePath(absl::string_view field, absl::string_view text);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_MACHINE_PATH_H_
