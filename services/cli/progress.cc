#include "services/cli/progress.h"

#include <iostream>
#include <string>

#include "absl/strings/string_view.h"

namespace waybill::cli {

Progress::~Progress() {
  if (is_terminal_ && !shown_.empty()) {
    std::cerr << "\n";
  }
}

void Progress::Show(absl::string_view line) {
  if (line == shown_) {
    return;
  }
  shown_ = std::string(line);
  if (is_terminal_) {
    std::cerr << "\r\x1b[K" << shown_ << std::flush;  // ESC [ K: erase to the end of the line.
  } else {
    std::cerr << shown_ << "\n";
  }
}

}  // namespace waybill::cli
