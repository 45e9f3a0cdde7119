#ifndef WAYBILL_COMMON_PROCESS_OUTPUT_KEEPER_H_
#define WAYBILL_COMMON_PROCESS_OUTPUT_KEEPER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace waybill::process {

/// Keeps the beginning and the end of a stream of any length in bounded memory: the beginning
/// usually tells what was tried, the end what failed. Not for several threads.
class OutputKeeper {
 public:
  /// Keeps `bytes_max` bytes, half of them from each end.
  explicit OutputKeeper(int64_t bytes_max);

  void Append(absl::string_view bytes);

  /// All that came, or its two ends with "\n[N bytes cut]\n" between them.
  std::string Text() const;

 private:
  const size_t head_bytes_max_;
  const size_t tail_bytes_max_;
  std::string head_;
  std::string tail_;  // May be up to twice as long as its limit before it is cut.
  uint64_t dropped_bytes_ = 0;
};

}  // namespace waybill::process

#endif  // WAYBILL_COMMON_PROCESS_OUTPUT_KEEPER_H_
