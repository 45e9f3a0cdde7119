#include "common/model/machine_path.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "common/model/ids.h"
#include "common/status/status_macros.h"

namespace waybill::model {
namespace {

constexpr std::size_t kPathBytesMax = 200;

std::optional<std::string> NameOrAny(absl::string_view part) {
  if (part == "*") {
    return std::nullopt;
  }
  return std::string(part);
}

}  // namespace

absl::StatusOr<MachinePath> ParseMachinePath(absl::string_view field, absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '|');
  if (parts.size() != 3 || text.size() > kPathBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " '", absl::CHexEscape(text.substr(0, kPathBytesMax)),
                     "': expected site|domain|host with * for any, such as 'NYC|SALES|*'"));
  }
  const MachinePath path = {NameOrAny(parts[0]), NameOrAny(parts[1]), NameOrAny(parts[2])};
  if (path.site_code) {
    WAYBILL_RETURN_IF_ERROR(CheckSiteCode(field, *path.site_code));
  }
  if (path.domain) {
    WAYBILL_RETURN_IF_ERROR(CheckHostName(field, *path.domain));
  }
  if (path.host_name) {
    WAYBILL_RETURN_IF_ERROR(CheckHostName(field, *path.host_name));
  }
  return path;
}

}  // namespace waybill::model
