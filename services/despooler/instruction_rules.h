#ifndef WAYBILL_SERVICES_DESPOOLER_INSTRUCTION_RULES_H_
#define WAYBILL_SERVICES_DESPOOLER_INSTRUCTION_RULES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::despooler {

/// Limits on what one instruction may hold, besides those of common/model/order_rules.h.
inline constexpr int kTargetsMax = 2'000'000;
inline constexpr int kTargetSitesMax = 10'000;

/// What a job does at a site, as the words of its instruction say.
bool IsCancel(const transfer::v1::Instruction& instruction);
bool IsRemove(const transfer::v1::Instruction& instruction);
bool IsRun(const transfer::v1::Instruction& instruction);

/// Whether `site_code` is one of the target sites.
bool IsTargetSite(const transfer::v1::Instruction& instruction, absl::string_view site_code);

/// Whether a run or share job puts copies on servers at all.
bool Distributes(const transfer::v1::Instruction& instruction);

/// The names of the servers of the job's group at `site_code`.
std::vector<std::string> ServersAt(const transfer::v1::Instruction& instruction,
                                   absl::string_view site_code);

/// INVALID_ARGUMENT, naming the field, unless every field is what the job database can hold and a
/// Scheduler would send: it comes from another site.
absl::Status CheckInstruction(const transfer::v1::Instruction& instruction);

/// The frozen workstations of one instruction: some 12 bytes each, so kTargetsMax of them stay
/// under 50 MB. Not thread-safe.
class TargetList {
 public:
  TargetList() = default;

  /// Targets may only be at these sites.
  explicit TargetList(const transfer::v1::Instruction& instruction);

  /// INVALID_ARGUMENT for a bad SMS ID or a site that is no target site; RESOURCE_EXHAUSTED beyond
  /// kTargetsMax.
  absl::Status Add(absl::string_view sms_id, absl::string_view site_code);

  std::int64_t size() const { return count_; }

  /// Hands all targets over, at most `batch_max` at a time, in the order they came. Stops at the
  /// first error and returns it. The two lists are of equal length.
  using Batch = absl::FunctionRef<absl::Status(const std::vector<std::string>& sms_ids,
                                               const std::vector<std::string>& site_codes)>;
  absl::Status ForEachBatch(std::size_t batch_max, Batch take) const;

 private:
  std::vector<std::string> site_codes_;  // Sorted.
  std::string packed_;                   // For each: u16 index of the site, u8 length, SMS ID.
  std::int64_t count_ = 0;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_INSTRUCTION_RULES_H_
