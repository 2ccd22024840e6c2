#include "http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <new>
#include <thread>

#include "dec/core/error.hpp"

namespace dec::io {

namespace {

constexpr long connect_timeout_s = 10;
constexpr long most_redirections = 5;

std::size_t append_body(char* data, std::size_t size, std::size_t count, void* body) {
    try {
        static_cast<std::string*>(body)->append(data, size * count);
        return size * count;
    } catch (std::bad_alloc const&) {
        return 0;  // no exception may pass through C; curl reports a write error
    }
}

bool may_help_again(CURLcode code) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_PARTIAL_FILE:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_HTTP2: return true;
        default: return false;
    }
}

bool may_help_again(long status) { return status == 429 || (status >= 500 && status <= 599); }

}  // namespace

struct HttpClient::Connection {
    CURL* handle = nullptr;
    std::array<char, CURL_ERROR_SIZE> reason{};
    Connection() {
        static CURLcode const global = curl_global_init(CURL_GLOBAL_DEFAULT);
        if (global == CURLE_OK) handle = curl_easy_init();
        if (handle == nullptr) throw std::bad_alloc{};
    }
    ~Connection() { curl_easy_cleanup(handle); }
    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;

    template <class Value>
    void set(CURLoption option, Value value) {
        curl_easy_setopt(handle, option, value);
    }
};

HttpClient::HttpClient(std::string url, std::string shown, HttpSettings settings)
    : connection_{std::make_unique<Connection>()}, shown_{std::move(shown)}, settings_{settings} {
    auto& c = *connection_;
    c.set(CURLOPT_URL, url.c_str());
    c.set(CURLOPT_ERRORBUFFER, c.reason.data());
    c.set(CURLOPT_NOSIGNAL, 1L);
    c.set(CURLOPT_USERAGENT, "dec");
    c.set(CURLOPT_ACCEPT_ENCODING, "");  // whatever curl can unpack
    c.set(CURLOPT_FOLLOWLOCATION, 1L);
    c.set(CURLOPT_MAXREDIRS, most_redirections);
    c.set(CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
    c.set(CURLOPT_CONNECTTIMEOUT, connect_timeout_s);
    c.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    c.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(std::ceil(settings_.patience_s)));
    c.set(CURLOPT_WRITEFUNCTION, &append_body);
}

HttpClient::~HttpClient() = default;

HttpAnswer HttpClient::post(std::string_view field, std::string_view value, std::string const& accept) {
    using Clock = std::chrono::steady_clock;
    auto& c = *connection_;
    auto const form = fmt::format("{}={}", field, percent_encoded(value));
    auto* const headers = curl_slist_append(nullptr, ("Accept: " + accept).c_str());
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> const headers_guard{headers, &curl_slist_free_all};
    c.set(CURLOPT_HTTPHEADER, headers);
    c.set(CURLOPT_POSTFIELDS, form.c_str());
    c.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(form.size()));

    auto const begin = Clock::now();
    std::chrono::duration<double> pause{settings_.first_pause_s};
    std::string problem;
    int attempt = 0;
    do {
        if (attempt++ > 0) {
            std::this_thread::sleep_for(pause);
            pause *= 2.0;
        }
        HttpAnswer answer;
        c.set(CURLOPT_WRITEDATA, &answer.body);
        c.reason[0] = '\0';
        auto const code = curl_easy_perform(c.handle);
        if (code == CURLE_OK) {
            curl_easy_getinfo(c.handle, CURLINFO_RESPONSE_CODE, &answer.status);
            char const* type = nullptr;
            curl_easy_getinfo(c.handle, CURLINFO_CONTENT_TYPE, &type);
            if (type != nullptr) answer.content_type = type;
            if (!may_help_again(answer.status)) return answer;
            problem = fmt::format("answers with HTTP status {}", answer.status);
        } else {
            problem =
                fmt::format("gives no answer: {}", c.reason[0] != '\0' ? c.reason.data() : curl_easy_strerror(code));
            if (!may_help_again(code)) break;
        }
    } while (attempt < settings_.attempts &&
             std::chrono::duration<double>{Clock::now() - begin}.count() < settings_.patience_s);
    if (attempt > 1) problem += fmt::format(" (asked {} times)", attempt);
    throw core::SystemFailure{{shown_, {}, problem, "see whether the server runs, and correct host, port or scheme"}};
}

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view hexadecimal = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size() + text.size() / 2);
    for (char const c : text) {
        bool const plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain) {
            encoded += c;
            continue;
        }
        auto const byte = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += hexadecimal[byte >> 4U];
        encoded += hexadecimal[byte & 15U];
    }
    return encoded;
}

std::string percent_decoded(std::string_view text) {
    auto const digit = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
    };
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const escaped =
            text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
        if (!escaped) {
            decoded += text[i];
            continue;
        }
        decoded += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
        i += 2;
    }
    return decoded;
}

}  // namespace dec::io
