#ifndef WAYBILL_COMMON_MODEL_ACCESS_H_
#define WAYBILL_COMMON_MODEL_ACCESS_H_

#include <vector>

#include "absl/strings/string_view.h"

#include "common/rpc/access.h"

namespace waybill::model {

/// The names that services carry in their certificates.
inline constexpr char kSchedulerName[] = "scheduler";
inline constexpr char kSenderName[] = "sender";
inline constexpr char kDespoolerName[] = "despooler";
inline constexpr char kPcmManagerName[] = "pcm-manager";

/// Who may call which method of the product: the whole table, so that it can be read and tested in
/// one place. What is not in it nobody may call. Handlers add the scope (which site, which
/// workstation); see ARCHITECTURE.md §5.
std::vector<rpc::AccessRule> AccessRules();

/// The rows of one protobuf service, such as "waybill.job.v1.JobService": what the listener that
/// serves it needs.
std::vector<rpc::AccessRule> AccessRulesOf(absl::string_view service);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_ACCESS_H_
