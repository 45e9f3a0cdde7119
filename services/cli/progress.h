#ifndef WAYBILL_SERVICES_CLI_PROGRESS_H_
#define WAYBILL_SERVICES_CLI_PROGRESS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace waybill::cli {

/// Progress on standard error. On a terminal one line that is rewritten; elsewhere a line for each
/// message that differs from the one before. Used by one thread.
class Progress {
 public:
  explicit Progress(bool is_terminal) : is_terminal_(is_terminal) {}

  /// Leaves the line for what is printed next.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(absl::string_view line);

 private:
  const bool is_terminal_;
  std::string shown_;
};

}  // namespace waybill::cli

#endif  // WAYBILL_SERVICES_CLI_PROGRESS_H_
