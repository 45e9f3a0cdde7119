#ifndef WAYBILL_COMMON_CONTENT_PROGRESS_H_
#define WAYBILL_COMMON_CONTENT_PROGRESS_H_

#include <cstdint>
#include <functional>

namespace waybill::content {

/// How far work on a tree has come.
struct Progress {
  uint64_t files_done = 0;
  uint64_t files_total = 0;
  uint64_t bytes_done = 0;  ///< Plain bytes.
  uint64_t bytes_total = 0;
};

/// How work on a whole tree (import, extract, copy, verify) is done and watched.
struct WorkOptions {
  /// Threads that do the heavy part; the calling thread waits, feeds and reports. At least 1.
  int threads = 2;
  /// Asked often, from several threads, and cheap. Once true the work ends with CANCELLED.
  std::function<bool()> cancelled;
  /// Called by the calling thread, at most about ten times a second, and once at the end.
  std::function<void(const Progress&)> progress;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_PROGRESS_H_
