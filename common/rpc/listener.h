#ifndef WAYBILL_COMMON_RPC_LISTENER_H_
#define WAYBILL_COMMON_RPC_LISTENER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/rpc/access.h"
#include "common/rpc/calls_in_progress.h"
#include "common/rpc/tls.h"

namespace waybill::rpc {

/// What one audience gets. None of the numbers may be zero.
struct ListenerOptions {
  std::string audience;  ///< "administrators", "sites", "workstations": for logs and errors.
  std::string address;   ///< host:port, port 0 picks a free one; IPv6 hosts in brackets.
  std::vector<AccessRule>
      rules;                  ///< Besides health (any identity) and reflection (administrators).
  bool reflection = false;    ///< Only for administrators: it tells every method there is.
  bool is_site_link = false;  ///< Keep-alive, and no age limit: streams last for days.
  std::int32_t message_bytes_max = 4 << 20;       ///< RESOURCE_EXHAUSTED beyond.
  std::int32_t streams_per_connection_max = 100;  ///< Calls at once on one connection.
  std::int64_t memory_bytes_max = 256LL << 20;    ///< Of gRPC's buffers for this audience.
};

/// One grpc::Server for one audience: an address, mutual TLS, the access table, and quotas of its
/// own, so that no audience starves another. Serves grpc.health.v1 besides `services`. The port is
/// taken exclusively. Owned by one thread.
class Listener {
 public:
  /// Begins to serve. Borrows `services` until the listener is gone. UNAVAILABLE, naming audience
  /// and address, if the address cannot be had; INVALID_ARGUMENT if it is not host:port.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(
      const ListenerOptions& options, const TlsIdentity& tls,
      const std::vector<grpc::Service*>& services);

  /// Shuts down without waiting.
  ~Listener();

  /// The port it listens on.
  int port() const { return port_; }

  /// host:port with the port that was chosen.
  const std::string& address() const { return address_; }

  /// What grpc.health.v1 says; serving from the start.
  void SetServing(bool serving);

  /// Refuses new calls and waits for those in progress, at most `drain_max`; then cancels the rest
  /// and waits for their handlers. Does not wait for clients that are only connected. Streams would
  /// use the whole time: call Executor::Drain() on theirs first. Repeatable.
  void Shutdown(absl::Duration drain_max);

 private:
  Listener(std::unique_ptr<grpc::Server> server, std::shared_ptr<CallsInProgress> calls,
           std::string address, int port);

  const std::unique_ptr<grpc::Server> server_;
  const std::shared_ptr<CallsInProgress> calls_;
  const std::string address_;
  const int port_;
};

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_LISTENER_H_
