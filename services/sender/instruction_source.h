#ifndef WAYBILL_SERVICES_SENDER_INSTRUCTION_SOURCE_H_
#define WAYBILL_SERVICES_SENDER_INSTRUCTION_SOURCE_H_

#include "absl/status/statusor.h"

#include "services/sender/send_order.h"

#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::sender {

/// The instruction of one send, read in parts so that a million targets are never in memory.
class InstructionSource {
 public:
  virtual ~InstructionSource() = default;

  virtual absl::StatusOr<transfer::v1::Instruction> Head() = 0;

  /// The next targets, an empty part behind the last ones.
  virtual absl::StatusOr<transfer::v1::TargetPart> NextTargets() = 0;

  /// NOT_FOUND if this site does not hold the version (any more).
  virtual absl::StatusOr<VersionSizes> Sizes() = 0;
};

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_INSTRUCTION_SOURCE_H_
