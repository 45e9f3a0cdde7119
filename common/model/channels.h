#ifndef WAYBILL_COMMON_MODEL_CHANNELS_H_
#define WAYBILL_COMMON_MODEL_CHANNELS_H_

/// NOTIFY channels of the job database: who says them and whom they wake is in ARCHITECTURE.md §3.
/// A notification carries nothing and may be lost; loops look at the rows.
namespace waybill::model {

inline constexpr char kJobChannel[] = "waybill_job";
inline constexpr char kSendChannel[] = "waybill_send";
inline constexpr char kDistributeChannel[] = "waybill_distribute";
inline constexpr char kDefinitionChannel[] = "waybill_definition";
inline constexpr char kReplicateChannel[] = "waybill_replicate";
inline constexpr char kOutboxChannel[] = "waybill_outbox";

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_CHANNELS_H_
