#ifndef WAYBILL_COMMON_RPC_CHANNEL_H_
#define WAYBILL_COMMON_RPC_CHANNEL_H_

#include <cstdint>
#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "absl/time/time.h"

#include "common/rpc/identity.h"
#include "common/rpc/tls.h"

namespace waybill::rpc {

struct ChannelOptions {
  std::string target;         ///< host:port
  Identity server;            ///< Who must answer there.
  bool is_site_link = false;  ///< Keep-alive every 30 s: notices a dead line under an idle stream.
  std::int32_t message_bytes_max = 4 << 20;                ///< Of what we receive.
  absl::Duration reconnect_delay_max = absl::Seconds(10);  ///< Growing from 1 s.
};

/// A channel with connections of its own (gRPC would otherwise share one between channels to the
/// same target, and parallel channels are what fills long links). Connects on the first call. No
/// proxy, no hidden retries. Calls fail with UNAVAILABLE while nobody answers or the wrong one
/// does.
std::shared_ptr<grpc::Channel> MakeChannel(const ChannelOptions& options, const TlsIdentity& tls);

/// Gives a call `limit` from now. Every call but long-lived streams gets one.
void SetDeadline(grpc::ClientContext& context, absl::Duration limit);

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_CHANNEL_H_
