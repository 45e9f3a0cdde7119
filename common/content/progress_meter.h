#ifndef WAYBILL_COMMON_CONTENT_PROGRESS_METER_H_
#define WAYBILL_COMMON_CONTENT_PROGRESS_METER_H_

#include <chrono>
#include <functional>

#include "common/content/progress.h"

namespace waybill::content {

/// Calls a progress callback, which may be empty, not too often. One thread.
class ProgressMeter {
 public:
  /// `callback` outlives the meter.
  ProgressMeter(const std::function<void(const Progress&)>& callback, Progress start)
      : callback_(callback), progress_(start) {}

  Progress& progress() { return progress_; }

  void ReportSometimes() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    Report();
  }

  void Report() const {
    if (callback_) callback_(progress_);
  }

 private:
  const std::function<void(const Progress&)>& callback_;
  Progress progress_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_PROGRESS_METER_H_
