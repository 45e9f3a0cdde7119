#include "services/cli/workstation_file.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "common/status/status_macros.h"

namespace waybill::cli {
namespace {

std::vector<absl::string_view> Cells(absl::string_view line) {
  std::vector<absl::string_view> cells = absl::StrSplit(line, ',');
  for (absl::string_view& cell : cells) {
    cell = absl::StripAsciiWhitespace(cell);
  }
  return cells;
}

absl::Status CheckColumns(const std::vector<absl::string_view>& columns) {
  for (const char* must : {"host_name", "domain"}) {
    if (std::count(columns.begin(), columns.end(), must) != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("line 1: expected column names, among them ", must,
                       ", such as host_name,domain,operating_system"));
    }
  }
  return absl::OkStatus();
}

void Set(absl::string_view column, absl::string_view value, site::v1::Workstation& workstation) {
  const std::string text(value);
  if (text.empty()) {
    return;
  }
  if (column == "sms_id") {
    workstation.set_sms_id(text);
  } else if (column == "host_name") {
    workstation.set_host_name(text);
  } else if (column == "domain") {
    workstation.set_domain(text);
  } else if (column == "operating_system") {
    workstation.set_operating_system(text);
  } else {
    (*workstation.mutable_properties())[std::string(column)] = text;
  }
}

}  // namespace

absl::StatusOr<std::vector<site::v1::Workstation>> ParseWorkstations(absl::string_view text) {
  std::vector<absl::string_view> columns;
  std::vector<site::v1::Workstation> workstations;
  int number = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || absl::StartsWith(line, "#")) {
      continue;
    }
    const std::vector<absl::string_view> cells = Cells(line);
    if (columns.empty()) {
      WAYBILL_RETURN_IF_ERROR(CheckColumns(cells));
      columns = cells;
      continue;
    }
    if (cells.size() != columns.size()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": expected ", columns.size(),
                                                     " cells, found ", cells.size()));
    }
    site::v1::Workstation& workstation = workstations.emplace_back();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      Set(columns[i], cells[i], workstation);
    }
  }
  if (columns.empty()) {
    return absl::InvalidArgumentError("the file is empty: expected a line of column names");
  }
  return workstations;
}

}  // namespace waybill::cli
