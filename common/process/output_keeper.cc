#include "common/process/output_keeper.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace waybill::process {

OutputKeeper::OutputKeeper(int64_t bytes_max)
    : head_bytes_max_(static_cast<size_t>(std::max<int64_t>(bytes_max, 0)) / 2),
      tail_bytes_max_(static_cast<size_t>(std::max<int64_t>(bytes_max, 0)) - head_bytes_max_) {}

void OutputKeeper::Append(absl::string_view bytes) {
  const size_t to_head = std::min(bytes.size(), head_bytes_max_ - head_.size());
  head_.append(bytes.data(), to_head);
  bytes.remove_prefix(to_head);
  tail_.append(bytes.data(), bytes.size());
  // Cut only now and then: moving the rest down for every piece would be quadratic.
  if (tail_.size() <= 2 * tail_bytes_max_) return;
  const size_t surplus = tail_.size() - tail_bytes_max_;
  tail_.erase(0, surplus);
  dropped_bytes_ += surplus;
}

std::string OutputKeeper::Text() const {
  const size_t surplus = tail_.size() - std::min(tail_.size(), tail_bytes_max_);
  const uint64_t cut = dropped_bytes_ + surplus;
  if (cut == 0) return head_ + tail_;
  return absl::StrCat(head_, "\n[", cut, " bytes cut]\n", tail_.substr(surplus));
}

}  // namespace waybill::process
