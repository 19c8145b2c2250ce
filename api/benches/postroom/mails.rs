//! The mails of the load: each about 2 KB, each with a Message-ID and a sender of its own. The senders are spread over
//! domains, so that no cap on acknowledgements is reached and every mail is the same work: a new customer, a ticket, a
//! message, an acknowledgement.

use std::fmt::Write;

/// The address that they are for.
pub const DESK: &str = "support@desk.example";

const LINES: [&str; 6] = [
    "since this morning the printer on the second floor makes a grinding noise and smells of burnt plastic.",
    "We switched it off and on again twice; the display shows error 0x4F and the paper tray will not open.",
    "The invoices for November have to go out today, so somebody should have a look before noon if at all possible.",
    "I attach nothing, as the photograph is on my other telephone, but can send it later in the day.",
    "The contract number is 4711-0815 and the machine stands in room 2.14, next to the kitchen.",
    "Two colleagues from accounting can show you what happens when a job from the queue is started.",
];

/// Returns mail number `n`. Every fourth has an HTML part beside the text.
pub fn mail(n: usize) -> Vec<u8> {
    let (user, domain) = (format!("customer{n}"), format!("company{}.example", n % 1999));
    let mut mail = String::with_capacity(2200);
    let _ = write!(
        mail,
        "Return-Path: <{user}@{domain}>\r\n\
         Received: from mx.{domain} (mx.{domain} [192.0.2.17]) by in.desk.example with ESMTPS id {n:012x}\r\n \
         for <{DESK}>; Sat, 21 Nov 2026 09:14:03 +0000\r\n\
         Received: from [10.1.2.3] by mx.{domain} with ESMTPSA id a{n:012x}; Sat, 21 Nov 2026 09:14:01 +0000\r\n\
         Date: Sat, 21 Nov 2026 10:14:00 +0100\r\n\
         From: \"Customer {n}\" <{user}@{domain}>\r\n\
         To: Support <{DESK}>\r\n\
         Message-ID: <{n:016x}.2026@mail.{domain}>\r\n\
         Subject: Printer on the second floor is broken again ({n})\r\n\
         User-Agent: Mozilla Thunderbird\r\n\
         Content-Language: en-GB\r\n\
         MIME-Version: 1.0\r\n"
    );
    let text = text(n, if n.is_multiple_of(4) { 5 } else { 12 });
    if n.is_multiple_of(4) {
        let html = text.replace("\r\n\r\n", "</p>\r\n<p>").replace('|', "&#124;");
        let _ = write!(
            mail,
            "Content-Type: multipart/alternative; boundary=\"b{n}\"\r\n\r\n\
             --b{n}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n\
             --b{n}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
             <html><body style=\"font-family: sans-serif\"><p>{html}</p></body></html>\r\n--b{n}--\r\n"
        );
    } else {
        let _ = write!(mail, "Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n{text}");
    }
    mail.into_bytes()
}

fn text(n: usize, lines: usize) -> String {
    let mut text = String::from("Hello,\r\n\r\n");
    for i in 0..lines {
        text.push_str(LINES[(n + i) % LINES.len()]);
        text.push_str("\r\n\r\n");
    }
    let _ = write!(text, "Kind regards\r\nCustomer {n}\r\n-- \r\nCompany {} Ltd.\r\n", n % 1999);
    text
}

/// Returns mails `from..from + n` as whole HTTP requests.
pub fn requests(from: usize, n: usize) -> Vec<Vec<u8>> {
    let request = |n| {
        let mail = mail(n);
        let head = format!(
            "POST /api/inbound/raw HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: message/rfc822\r\nContent-Length: {}\r\n\r\n",
            mail.len()
        );
        [head.into_bytes(), mail].concat()
    };
    (from..from + n).map(request).collect()
}
