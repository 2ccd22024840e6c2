/// \file http.hpp
/// Questions over HTTP; the one home of libcurl.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace dec::io {

struct HttpSettings {
    double patience_s = 60.0;  ///< how long a server may be silent, and until when a failed request is repeated
    int attempts = 4;
    double first_pause_s = 0.5;  ///< before the second attempt; twice as long before each later one
};

struct HttpAnswer {
    long status = 0;
    std::string content_type;
    std::string body;
};

/// One server, asked again and again over a connection that is kept.
class HttpClient {
  public:
    /// \param shown the address as messages name it, without what is secret in `url`.
    HttpClient(std::string url, std::string shown, HttpSettings settings);
    ~HttpClient();
    HttpClient(HttpClient const&) = delete;
    HttpClient& operator=(HttpClient const&) = delete;

    /// POST of one field of a form. Repeated, with growing pauses, where that may help: no connection, an answer cut short, a server
    /// that is overloaded or failing (429, 5xx).
    /// \return the answer, of any status that a repetition would not change.
    /// \throws core::SystemFailure when all attempts failed.
    [[nodiscard]] HttpAnswer post(std::string_view field, std::string_view value, std::string const& accept);

  private:
    struct Connection;
    std::unique_ptr<Connection> connection_;
    std::string shown_;
    HttpSettings settings_;
};

/// As a form or an address writes it.
[[nodiscard]] std::string percent_encoded(std::string_view text);
[[nodiscard]] std::string percent_decoded(std::string_view text);

}  // namespace dec::io
