#include "services/cli/table.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "services/cli/format.h"

namespace waybill::cli {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 take no column.
std::size_t Width(absl::string_view cell) {
  return static_cast<std::size_t>(
      std::count_if(cell.begin(), cell.end(), [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

std::string Padded(const std::string& cell, std::size_t width, bool right) {
  const std::string spaces(width - Width(cell), ' ');
  return right ? spaces + cell : cell + spaces;
}

}  // namespace

std::string Table::ToString(int indent) const {
  std::vector<bool> right;
  std::vector<std::vector<std::string>> lines(1);
  for (const std::string& heading : headings_) {
    right.push_back(absl::EndsWith(heading, ">"));
    lines[0].push_back(right.back() ? heading.substr(0, heading.size() - 1) : heading);
  }
  std::vector<std::size_t> widths(headings_.size(), 0);
  for (const std::vector<std::string>& row : rows_) {
    lines.emplace_back();
    std::transform(row.begin(), row.end(), std::back_inserter(lines.back()),
                   [](const std::string& cell) { return OneLine(cell); });
  }
  for (const std::vector<std::string>& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], Width(line[i]));
    }
  }
  std::string out;
  for (const std::vector<std::string>& line : lines) {
    std::string text(static_cast<std::size_t>(indent), ' ');
    for (std::size_t i = 0; i < line.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : "  ", Padded(line[i], widths[i], right[i]));
    }
    text.erase(text.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, text, "\n");
  }
  return out;
}

}  // namespace waybill::cli
