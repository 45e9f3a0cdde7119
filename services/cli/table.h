#ifndef WAYBILL_SERVICES_CLI_TABLE_H_
#define WAYBILL_SERVICES_CLI_TABLE_H_

#include <string>
#include <vector>

namespace waybill::cli {

/// Text in aligned columns, two spaces apart. Numbers (columns whose heading ends in ">") stand at
/// the right. Cells are shown on one line each, escaped.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  /// Heading and rows, each ending in a newline; `indent` spaces before each.
  std::string ToString(int indent = 0) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace waybill::cli

#endif  // WAYBILL_SERVICES_CLI_TABLE_H_
