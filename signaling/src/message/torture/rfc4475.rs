//! RFC 4475: what each of its 49 messages tries, written anew.

use super::{Case, SDP, wire};
use crate::message::{Kind, Message, Method, Name, NameAddr, Uri, Via};

pub fn cases() -> Vec<Case> {
    let mut cases = valid_syntax();
    cases.extend(invalid_syntax());
    cases.extend(layers_above());
    cases
}

/// §3.1.1
fn valid_syntax() -> Vec<Case> {
    vec![
        read(
            (
                "wsinv",
                "3.1.1.1",
                "white space and folds everywhere, three Vias, an empty header, escaped quotes",
            ),
            wire(&format!(
                "INVITE sip:priya@desk.example.com;strangeparam SIP/2.0\nTO :\n sip:priya@desk.example.com ;   tag    = 77181833n\n\
                 from   : \"P Caller \\\\\\\"\"       <sip:caller@example.com>\n  ;\n  tag = 98asjd8\nMaX-fOrWaRdS: 0068\n\
                 Call-ID: wsinv.1@198.51.100.9\nContent-Length   : #\ncseq: 0009\n  INVITE\nVia  : SIP  /   2.0\n /UDP\n    198.51.100.9;branch=390skdjuw\n\
                 s :\nShinyNewHeader:   a new value\n\x20and more of it\nOddValues: ;;,,;;,;\nContent-Type: application/sdp\n\
                 Route:\n <sip:proxy.example.com;lr;what=ever;and-more>\nv:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj8  ,\n\
                 \x20SIP  /    2.0   / UDP  198.51.100.111   ; branch=\n z9hG4bK30239\nm:\"Quoted \\\"\\\"\" <sip:caller@example.com> ; new =\n      value ;\n  other ; q = 0.33\n\n{SDP}"
            )),
            "481 Call/Transaction Does Not Exist",
            |message| {
                assert_eq!(message.tag_in_to(), Some(&b"77181833n"[..]));
                assert_eq!(message.tag_in_from(), Some(&b"98asjd8"[..]));
                assert_eq!(display(message.from()), "P Caller \\\"");
                assert_eq!(message.number(Name::MaxForwards), Some(68));
                assert_eq!(message.cseq().map(|cseq| cseq.number), Some(9));
                assert_eq!(
                    hosts(message),
                    ["198.51.100.9", "spindle.example.com", "198.51.100.111"]
                );
                assert_eq!(
                    message.text("ShinyNewHeader").as_deref(),
                    Some("a new value and more of it")
                );
                assert_eq!(message.text("Subject").as_deref(), Some(""));
                let contact = message.contact().expect("a contact");
                assert_eq!(contact.parameters.value(b"q"), Some(&b"0.33"[..]));
            },
        ),
        read(
            (
                "intmeth",
                "3.1.1.2",
                "every character that a token, a URI, a quoted string and a Call-ID may have, control characters among them",
            ),
            wire(
                "~Odd-Method.0123456789_*+`%indeed'! sip:1_odd.URI~(to-be!sure)&isn't+it$/mad?,/;;*:&it+has=1,odd!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0\n\
                 Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\n\
                 To: \"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\" <sip:1_odd.URI~(to-be!sure)&isn't+it$/mad?,/;;*@example.com>\n\
                 From: word1~` word2'+_ word3*%!.- <sip:plain@example.com>;param''~+*_!.-%=\"दिल्ली\";tag=_word~1'+`*%!-.\n\
                 Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\nCSeq: 139122385 ~Odd-Method.0123456789_*+`%indeed'!\nMax-Forwards: 255\n\
                 header-!.%*+_`'~: नमस्ते\nContent-Length: 0\n\n",
            ),
            "405 Method Not Allowed",
            |message| {
                assert_eq!(message.method(), Method::Other);
                assert_eq!(display(message.to()), "BEL:  NUL:  DEL: ");
                assert_eq!(display(message.from()), "word1~` word2'+_ word3*%!.-");
                let uri = Uri::parse(message.request_uri()).expect("a URI");
                assert_eq!(
                    (uri.user, uri.host),
                    (
                        &b"1_odd.URI~(to-be!sure)&isn't+it$/mad?,/;;*"[..],
                        &b"example.com"[..]
                    )
                );
                assert_eq!(message.text("header-!.%*+_`'~").as_deref(), Some("नमस्ते"));
            },
        ),
        read(
            (
                "esc01",
                "3.1.1.3",
                "escapes in URIs, read once and only where they belong",
            ),
            invite(
                "sip:sips%3Apriya%40example.com@example.net",
                "To: sip:%70riy%61@example.com\nFrom: <sip:I%20like%20spaces@example.net>;tag=938\ni: esc01.1\nVia: SIP/2.0/UDP host5.example.net;branch=z9hG4bKesc\n\
                 Contact:\n <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>\nCSeq: 234234 INVITE\n",
            ),
            "rings",
            |message| {
                let user = |uri: &[u8]| Uri::parse(uri).expect("a URI").decoded_user();
                assert_eq!(user(message.request_uri()), "sips:priya@example.com");
                assert_eq!(user(message.to().expect("a To").uri), "priya");
                assert_eq!(user(message.from().expect("a From").uri), "I like spaces");
                let contact = Uri::parse(message.contact().expect("a contact").uri).expect("a URI");
                assert!(contact.is_loose());
                assert_eq!(
                    contact.parameters.value(b"n%61me"),
                    Some(&b"v%61lue%25%34%31"[..])
                );
            },
        ),
        read(
            ("escnull", "3.1.1.4", "escaped NULs in user parts"),
            register(
                "sip:null-%00-null@example.com",
                "Contact: <sip:%00@host5.example.com>\nContact: <sip:%00%00@host5.example.com>\nL:0\n",
            ),
            "405 Method Not Allowed",
            |message| {
                let users: Vec<_> = message
                    .elements(Name::Contact)
                    .map(|contact| {
                        Uri::parse(NameAddr::parse(contact).expect("a contact").uri)
                            .expect("a URI")
                            .decoded_user()
                    })
                    .collect();
                assert_eq!(users, ["\0", "\0\0"]);
            },
        ),
        read(
            (
                "esc02",
                "3.1.1.5",
                "percent signs that aren't escapes: in a method, a header's name, a display name, a branch",
            ),
            wire(
                "RE%47IST%45R sip:registrar.example.com SIP/2.0\nTo: \"%Z%45\" <sip:thing@example.com>\nFrom: \"%Z%45\" <sip:thing@example.com>;tag=f23\n\
                 Call-ID: esc02.1\nVia: SIP/2.0/TCP host.example.com;branch=z9hG4bK20%fz\nCSeq: 29344 RE%47IST%45R\nMax-Forwards: 70\n\
                 Contact: <sip:alias1@host1.example.com>\nC%6Fntact: <sip:alias2@host2.example.com>\nContact: <sip:alias3@host3.example.com>\nl: 0\n\n",
            ),
            "405 Method Not Allowed",
            |message| {
                assert_eq!(message.method(), Method::Other);
                assert_eq!(display(message.to()), "%Z%45");
                assert_eq!(message.lines(Name::Contact).count(), 2);
                assert_eq!(
                    message.via().and_then(|via| via.branch()),
                    Some(&b"z9hG4bK20%fz"[..])
                );
            },
        ),
        read(
            (
                "lwsdisp",
                "3.1.1.6",
                "no space between display name and bracket",
            ),
            options(
                "sip:priya@example.com",
                "From: caller<sip:caller@example.com>;tag=323\n",
            ),
            "200 OK",
            |message| assert_eq!(display(message.from()), "caller"),
        ),
        read(
            (
                "longreq",
                "3.1.1.7",
                "long values and names, 34 Vias in all letter cases, no branch",
            ),
            longreq(),
            "rings",
            |message| {
                assert_eq!(message.elements(Name::Via).count(), 34);
                let to = Uri::parse(message.to().expect("a To").uri).expect("a URI");
                assert_eq!((to.port, to.parameters.iter().count()), (Some(6000), 3));
                assert!(message.tag_in_from().is_some_and(|tag| tag.len() > 100));
                assert_eq!(message.body().len(), SDP.replace('\n', "\r\n").len());
            },
        ),
        read(
            (
                "dblreq",
                "3.1.1.8",
                "a second request behind the first in one datagram",
            ),
            [
                register(
                    "sip:priya@example.com",
                    "Contact: sip:priya@host.example.com\nContent-Length: 0\n",
                ),
                invite(
                    "sip:joe@example.com",
                    "t: sip:joe@example.com\nCall-ID: dblreq.2\nCSeq: 8 INVITE\n",
                ),
            ]
            .concat(),
            "405 Method Not Allowed",
            |message| {
                assert_eq!(
                    (message.method(), message.body().len()),
                    (Method::Register, 0)
                )
            },
        ),
        read(
            (
                "semiuri",
                "3.1.1.9",
                "a semicolon and an escaped `@` in a user part",
            ),
            options("sip:priya;par=u%40example.net@example.com", ""),
            "200 OK",
            |message| {
                let uri = Uri::parse(message.request_uri()).expect("a URI");
                assert_eq!(uri.decoded_user(), "priya;par=u@example.net");
                assert_eq!(
                    (uri.host, uri.parameters.iter().count()),
                    (&b"example.com"[..], 0)
                );
            },
        ),
        read(
            (
                "transports",
                "3.1.1.10",
                "Vias of many transports, one of them unknown",
            ),
            options(
                "sip:priya@example.com",
                "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKb\nVia: SIP/2.0/TLS t3.example.com;branch=z9hG4bKc\n\
                 Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKd\nVia: SIP/2.0/TCP t5.example.com;branch=z9hG4bKe\n",
            ),
            "200 OK",
            |message| assert_eq!(hosts(message).len(), 5),
        ),
        read(
            ("mpart01", "3.1.1.11", "a multipart body with binary parts"),
            mpart01(),
            "405 Method Not Allowed",
            |message| {
                let body = message.body();
                assert!(
                    body.windows(4)
                        .any(|bytes| bytes == [0x30, 0x82, 0x00, 0xff])
                );
                assert!(body.ends_with(b"--7a9cbec02ceef655--\r\n"));
            },
        ),
        read(
            ("unreason", "3.1.1.12", "a reason phrase beyond ASCII"),
            response(
                "200 = 2**3 * 5**2 पर एक सौ निन्यानवे अभाज्य है",
                "CSeq: 35 INVITE\n",
            ),
            STRAY,
            |message| {
                assert!(
                    matches!(message.kind(), Kind::Response { status: 200, reason } if reason.starts_with(b"= 2**3"))
                )
            },
        ),
        read(
            ("noreason", "3.1.1.13", "an empty reason phrase"),
            response("100 ", "CSeq: 35 INVITE\n"),
            STRAY,
            |message| {
                assert_eq!(
                    message.kind(),
                    Kind::Response {
                        status: 100,
                        reason: b""
                    }
                )
            },
        ),
    ]
}

/// §3.1.2
fn invalid_syntax() -> Vec<Case> {
    let priya = "sip:priya@example.com";
    vec![
        refused(
            ("badinv01", "3.1.2.1", "separators without anything to separate in Via and Contact"),
            text(&invite(priya, "Contact: \"Joe\" <sip:joe@example.org>;;;;\n")).replace(";branch=z9hG4bKcase", ";;,;,,"),
            "400 Bad Request (unreadable Via)",
        ),
        refused(
            ("clerr", "3.1.2.2", "Content-Length above the datagram's rest"),
            text(&invite(priya, "")).replace(&format!("Content-Length: {}", body_length()), "Content-Length: 9999"),
            "400 Bad Request (body shorter than Content-Length)",
        ),
        refused(
            ("ncl", "3.1.2.3", "negative Content-Length"),
            text(&invite(priya, "")).replace(&format!("Content-Length: {}", body_length()), "Content-Length: -999"),
            "400 Bad Request (unreadable Content-Length)",
        ),
        refused(
            ("scalar02", "3.1.2.4", "numbers above their range in a request"),
            text(&register(priya, "Expires: 1000000000000000000000000000\nContact: <sip:priya@host129.example.com>\n  ;expires=280297596632815\n"))
                .replace("1 REGISTER", "36893488147419103232 REGISTER")
                .replace("Max-Forwards: 70", "Max-Forwards: 300"),
            "400 Bad Request (unreadable Max-Forwards)",
        ),
        refused(
            ("scalarlg", "3.1.2.5", "numbers above their range in a response"),
            response(
                "503 Service Unavailable",
                "CSeq: 9292394834772304023312 OPTIONS\nRetry-After: 949302838503028349304023988\nWarning: 1812 overture \"In Progress\"\n",
            ),
            "dropped: unreadable CSeq",
        ),
        refused(
            ("quotbal", "3.1.2.6", "a quote that stays open in To"),
            invite(priya, "To: \"Ms. P <sip:priya@example.com>\n"),
            "400 Bad Request (unreadable To)",
        ),
        refused(
            ("ltgtruri", "3.1.2.7", "brackets around the request URI"),
            invite("<sip:priya@example.com>", ""),
            "400 Bad Request (start line unreadable)",
        ),
        refused(
            ("lwsruri", "3.1.2.8", "a space in the request URI"),
            invite("sip:priya@example.com; lr", ""),
            "400 Bad Request (start line unreadable)",
        ),
        refused(
            ("lwsstart", "3.1.2.9", "two spaces between the start line's parts"),
            text(&invite(" sip:priya@example.com ", "")),
            "400 Bad Request (start line unreadable)",
        ),
        refused(
            ("trws", "3.1.2.10", "spaces after the start line"),
            text(&options(priya, "")).replacen(" SIP/2.0\r\n", " SIP/2.0  \r\n", 1),
            "400 Bad Request (start line unreadable)",
        ),
        refused(
            ("escruri", "3.1.2.11", "headers in the request URI"),
            invite("sip:priya@example.com?Route=%3Csip:example.com%3E", ""),
            "400 Bad Request (unreadable request URI)",
        ),
        read(
            ("baddate", "3.1.2.12", "a Date in a zone other than GMT, which we don't read"),
            invite(priya, "Date: Fri, 01 Jan 2010 16:00:00 EST\n"),
            "rings",
            |message| assert_eq!(message.text("date").as_deref(), Some("Fri, 01 Jan 2010 16:00:00 EST")),
        ),
        refused(
            ("regbadct", "3.1.2.13", "a question mark in a Contact without brackets"),
            register(priya, "Contact: sip:priya@example.com?Route=%3Csip:sip.example.com%3E\nl: 0\n"),
            "400 Bad Request (unreadable Contact)",
        ),
        read(
            ("badaspec", "3.1.2.14", "spaces between brackets and URI: taken without them"),
            options(priya, "To: \"Example, Priya\" < sip:priya@example.com >\n"),
            "200 OK",
            |message| assert_eq!(message.to().map(|to| to.uri), Some(&b"sip:priya@example.com"[..])),
        ),
        read(
            ("baddn", "3.1.2.15", "a comma in a display name without quotes: taken as part of it"),
            options(priya, "From:    Caller, A Good <sip:caller@example.com>;tag=43\n"),
            "200 OK",
            |message| assert_eq!(display(message.from()), "Caller, A Good"),
        ),
        refused(
            ("badvers", "3.1.2.16", "a SIP version of the future"),
            text(&options(priya, "")).replace("SIP/2.0", "SIP/7.0"),
            "505 Version Not Supported",
        ),
        refused(
            ("mismatch01", "3.1.2.17", "CSeq of another method"),
            text(&options(priya, "")).replace("1 OPTIONS", "8 INVITE"),
            "400 Bad Request (CSeq method differs)",
        ),
        refused(
            ("mismatch02", "3.1.2.18", "an unknown method with the CSeq of another"),
            text(&options(priya, "")).replace("OPTIONS sip", "NEWMETHOD sip").replace("1 OPTIONS", "8 INVITE"),
            "400 Bad Request (CSeq method differs)",
        ),
        refused(
            ("bigcode", "3.1.2.19", "a status beyond any integer"),
            response("4294967301 better not break us", "CSeq: 353494 INVITE\n"),
            "dropped: start line unreadable",
        ),
    ]
}

/// §3.2, §3.3 and §3.4
fn layers_above() -> Vec<Case> {
    let priya = "sip:priya@example.com";
    vec![
        read(
            (
                "badbranch",
                "3.2.1",
                "a branch that is the magic cookie and nothing else",
            ),
            text(&options(priya, "")).replace("z9hG4bKcase", "z9hG4bK"),
            "200 OK",
            |message| {
                assert_eq!(
                    message.via().and_then(|via| via.branch()),
                    Some(&b"z9hG4bK"[..])
                )
            },
        ),
        refused(
            ("insuf", "3.3.1", "no Call-ID, From or To"),
            wire(&format!(
                "INVITE {priya} SIP/2.0\nCSeq: 193942 INVITE\nVia: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKkdj.insuf\n\
                 Content-Type: application/sdp\nl: #\n\n{SDP}"
            )),
            "400 Bad Request (missing From)",
        ),
        read(
            ("unkscm", "3.3.2", "a request URI of an unknown scheme"),
            options("nobodyKnowsThis:totallyopaquecontent", ""),
            "416 Unsupported URI Scheme",
            |_| {},
        ),
        read(
            (
                "novelsc",
                "3.3.3",
                "a request URI of a known scheme that isn't SIP's",
            ),
            options("soap.beep://198.51.100.103:3002", ""),
            "416 Unsupported URI Scheme",
            |_| {},
        ),
        read(
            ("unksm2", "3.3.4", "unknown schemes in To, From and Contact"),
            register(
                priya,
                "To: isbn:2983792873\nFrom: <http://www.example.com>;tag=3234233\nContact: <name:Priya_Example>\nl: 0\n",
            ),
            "405 Method Not Allowed",
            |message| {
                assert_eq!(
                    message.contact().map(|contact| contact.uri),
                    Some(&b"name:Priya_Example"[..])
                )
            },
        ),
        read(
            (
                "bext01",
                "3.3.5",
                "Require and Proxy-Require of the unknown; the second isn't for us",
            ),
            options(
                priya,
                "Require: nobodyDoesThis, norThisEither\nProxy-Require: noProxyDoesThis\n",
            ),
            "420 Bad Extension",
            |message| assert_eq!(message.elements(Name::Require).count(), 2),
        ),
        read(
            (
                "invut",
                "3.3.6",
                "an INVITE whose body is of an unknown type",
            ),
            text(&invite(priya, "")).replace("application/sdp", "application/unknownformat"),
            "415 Unsupported Media Type",
            |_| {},
        ),
        read(
            ("regaut01", "3.3.7", "credentials of an unknown scheme"),
            register(
                priya,
                "Authorization: NoOneKnowsThisScheme opaque-data=here\nContent-Length:0\n",
            ),
            "405 Method Not Allowed",
            |message| assert!(message.header(Name::Authorization).is_some()),
        ),
        refused(
            (
                "multi01",
                "3.3.8",
                "two each of Call-ID, CSeq, From, To, Max-Forwards",
            ),
            invite(
                priya,
                "CSeq: 59 INVITE\nCall-ID: multi01.2\nTo: sip:other@example.net\nFrom: sip:other@example.net;tag=29\nMax-Forwards: 5\n\
                 To: sip:priya@example.com\nFrom: sip:caller@example.com;tag=34\nCall-ID: multi01.1\nCSeq: 5 INVITE\n",
            ),
            "400 Bad Request (duplicate Max-Forwards)",
        ),
        refused(
            ("mcl01", "3.3.9", "two Content-Lengths that differ"),
            wire(&format!(
                "OPTIONS {priya} SIP/2.0\nVia: SIP/2.0/UDP host5.example.net;branch=z9hG4bK29\nTo: {priya}\nFrom: sip:other@example.net;tag=39\n\
                 Call-ID: mcl01.1\nCSeq: 15932 OPTIONS\nContent-Length: 13\nMax-Forwards: 60\nContent-Length: 5\nContent-Type: text/plain\n\n\
                 Who could say how long this is meant to be?\n"
            )),
            "400 Bad Request (duplicate Content-Length)",
        ),
        read(
            (
                "bcast",
                "3.3.10",
                "a response whose second Via is the broadcast address",
            ),
            response(
                "200 OK",
                "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1b\nCSeq: 35 INVITE\n",
            ),
            STRAY,
            |message| assert_eq!(hosts(message)[1], "255.255.255.255"),
        ),
        read(
            ("zeromf", "3.3.11", "OPTIONS for us that may go no further"),
            text(&options(priya, "")).replace("Max-Forwards: 70", "Max-Forwards: 0"),
            "200 OK",
            |message| assert_eq!(message.number(Name::MaxForwards), Some(0)),
        ),
        read(
            ("cparam01", "3.3.12", "an unknown parameter of Contact"),
            register(
                priya,
                "Contact: sip:+919000000011@gw1.example.net;unknownparam\nl: 0\n",
            ),
            "405 Method Not Allowed",
            |message| {
                let contact = message.contact().expect("a contact");
                assert_eq!(contact.uri, b"sip:+919000000011@gw1.example.net");
                assert!(contact.parameters.has(b"unknownparam"));
            },
        ),
        read(
            (
                "cparam02",
                "3.3.13",
                "an unknown parameter of Contact's URI",
            ),
            register(
                priya,
                "Contact: <sip:+919000000011@gw1.example.net;unknownparam>\nl: 0\n",
            ),
            "405 Method Not Allowed",
            |message| {
                let contact = message.contact().expect("a contact");
                assert!(contact.uri.ends_with(b";unknownparam"));
                assert_eq!(contact.parameters.iter().count(), 0);
            },
        ),
        read(
            ("regescrt", "3.3.14", "headers in Contact's URI"),
            register(
                priya,
                "M: <sip:priya@example.com?Route=%3Csip:sip.example.com%3E>\nL:0\n",
            ),
            "405 Method Not Allowed",
            |message| {
                let uri = Uri::parse(message.contact().expect("a contact").uri).expect("a URI");
                assert_eq!(uri.headers, b"?Route=%3Csip:sip.example.com%3E");
            },
        ),
        read(
            ("sdp01", "3.3.15", "an Accept that doesn't allow an answer"),
            invite(priya, "Accept: text/nobodyKnowsThis\n"),
            "406 Not Acceptable",
            |_| {},
        ),
        refused(
            (
                "inv2543",
                "3.4.1",
                "an INVITE of RFC 2543: no branch, tag, Max-Forwards, Contact, Content-Length",
            ),
            wire(&format!(
                "INVITE {priya} SIP/2.0\nVia: SIP/2.0/UDP gw.example.com\nFrom: <sip:+919000000011@gw.example.net;user=phone>\n\
                 Record-Route: <sip:priya@example.com;maddr=ss1.example.com>\nTo: sip:+919000000012@ss1.example.net;user=phone\n\
                 Call-ID: inv2543.1\nCSeq: 56 INVITE\nContent-Type: application/sdp\n\n{SDP}"
            )),
            "400 Bad Request (missing From tag)",
        ),
    ]
}

fn longreq() -> Vec<u8> {
    let long = |text: &str| text.repeat(24);
    let names = [
        "Via", "v", "V", "ViA", "VIa", "VIA", "via", "viA", "vIa", "vIA", "V ", "v  ", "Via ",
    ];
    let vias: String = (1..34)
        .rev()
        .map(|hop| {
            format!(
                "{}: SIP/2.0/TCP sip{hop}.example.com\n",
                names[hop % names.len()]
            )
        })
        .collect();
    wire(&format!(
        "INVITE sip:priya@example.com SIP/2.0\nTo: \"A name of {} proportions\"<sip:priya@example.com:6000;param1={};{}=short;{}>\n\
         F: sip:{}@example.net;tag=12{};header{}={};{}\nCall-ID: longreq.{}\nCSeq: 3882340 INVITE\nUnknown-{}-Name: {}; parameter = {}\n{vias}\
         Via: SIP/2.0/TCP host.example.com;received=198.51.100.5;branch={}\nMax-Forwards: 70\nContact: <sip:{}@host5.example.net>\n\
         Content-Type: application/sdp\nl: #\n\n{SDP}",
        long("extreme"),
        long("long"),
        long("name"),
        long("Name"),
        long("caller"),
        long("98210"),
        long("name"),
        long("value"),
        long("Valueless"),
        long("really"),
        long("Long"),
        long("long"),
        long("value"),
        long("very"),
        long("caller"),
    ))
}

fn mpart01() -> Vec<u8> {
    let mut body = b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n\
                     --7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        .to_vec();
    body.extend_from_slice(&[0x30, 0x82, 0x00, 0xff, b'\r', 0x0d, 0x00, b'\n', 0x80, 0x1b]);
    body.extend_from_slice(b"\r\n--7a9cbec02ceef655--\r\n");
    let head = format!(
        "MESSAGE sip:priya@example.com SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK-d87543-4dade06d\nMax-Forwards: 70\nRoute: <sip:198.51.100.9:5080>\n\
         Identity: r5mwreLuyDRYBi/0TiPwEsY3rEVsk/G2WxhgTV1PF7hHuL\nFrom: <sip:caller@example.com>;tag=2fb0dcc9\nTo: <sip:priya@example.com>\n\
         Call-ID: mpart01.1\nCSeq: 1 MESSAGE\nContent-Type: multipart/mixed;boundary=7a9cbec02ceef655\nContent-Length: {}\n\n",
        body.len()
    );
    [head.replace('\n', "\r\n").into_bytes(), body].concat()
}

/// An INVITE with a session description; a header given replaces the usual one.
fn invite(uri: &str, headers: &str) -> Vec<u8> {
    request(
        "INVITE",
        uri,
        "sip:priya@example.com",
        &format!("{headers}Content-Type: application/sdp\nContent-Length: #\n"),
        SDP,
    )
}

fn options(uri: &str, headers: &str) -> Vec<u8> {
    request(
        "OPTIONS",
        uri,
        "sip:priya@example.com",
        &format!("{headers}l: 0\n"),
        "",
    )
}

fn register(party: &str, headers: &str) -> Vec<u8> {
    request("REGISTER", "sip:example.com", party, headers, "")
}

fn request(method: &str, uri: &str, to: &str, headers: &str, body: &str) -> Vec<u8> {
    let missing = |line: &str, other: &[&str]| {
        let names = line
            .split_once(": ")
            .map(|(name, _)| name)
            .into_iter()
            .chain(other.iter().copied());
        let given = names.into_iter().any(|name| {
            headers
                .lines()
                .any(|given| given.starts_with(&format!("{name}:")))
        });
        if given {
            String::new()
        } else {
            format!("{line}\n")
        }
    };
    let usual = [
        missing(&format!("To: {to}"), &["t"]),
        missing("From: sip:caller@example.net;tag=93334", &[]),
        "Max-Forwards: 70\n".to_owned(),
        missing("Call-ID: case.1", &["i"]),
        missing(&format!("CSeq: 1 {method}"), &[]),
        missing("Contact: <sip:caller@host59.example.net>", &["M"]),
    ]
    .concat();
    wire(&format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP host5.example.net;branch=z9hG4bKcase\n{usual}{headers}\n{body}"
    ))
}

fn response(status: &str, headers: &str) -> Vec<u8> {
    wire(&format!(
        "SIP/2.0 {status}\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK2398\n{headers}Call-ID: case.1\nFrom: <sip:priya@example.com>;tag=39a\n\
         To: <sip:caller@example.net>;tag=902\nContent-Length: 0\nContact: <sip:priya@host105.example.com>\n\n"
    ))
}

fn read(
    (name, section, tries): (&'static str, &'static str, &'static str),
    message: impl Into<Vec<u8>>,
    outcome: &'static str,
    reads: fn(&Message),
) -> Case {
    Case {
        name,
        section,
        tries,
        message: message.into(),
        outcome,
        reads: Some(reads),
    }
}

fn refused(
    (name, section, tries): (&'static str, &'static str, &'static str),
    message: impl Into<Vec<u8>>,
    outcome: &'static str,
) -> Case {
    Case {
        name,
        section,
        tries,
        message: message.into(),
        outcome,
        reads: None,
    }
}

fn text(message: &[u8]) -> String {
    String::from_utf8(message.to_vec()).expect("text")
}

fn body_length() -> usize {
    SDP.replace('\n', "\r\n").len()
}

fn display(party: Option<NameAddr<'_>>) -> String {
    party
        .and_then(|party| party.display_text())
        .unwrap_or_default()
}

fn hosts(message: &Message) -> Vec<String> {
    let vias = message
        .elements(Name::Via)
        .map(|via| Via::parse(via).expect("a Via"));
    vias.map(|via| String::from_utf8_lossy(via.host).into_owned())
        .collect()
}

const STRAY: &str = "dropped: response without a transaction";
